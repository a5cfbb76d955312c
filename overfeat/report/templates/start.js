startTheme();
startCharts();
startViewer();
startGallery();
